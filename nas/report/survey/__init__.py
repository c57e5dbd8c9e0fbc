"""What is found in a data set before any search: for the terminal, and as a page with its images."""
