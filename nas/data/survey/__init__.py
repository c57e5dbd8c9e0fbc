"""What a data set holds, before any search of it."""
