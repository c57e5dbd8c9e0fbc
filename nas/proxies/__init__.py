"""How accurate a network is, at a price: the proxies that a search compares networks by, a file each."""
