"""What a run shows: figures, the HTML report, the live display, and the optional W&B tracker."""
