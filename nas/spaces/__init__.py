"""What a network is, what it costs, and which networks a search may propose. numpy at most."""
