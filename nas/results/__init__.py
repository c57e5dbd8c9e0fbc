"""What a run leaves behind, as types: the front, its members and their files, the rows of trials.csv."""
