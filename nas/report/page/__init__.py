"""What a page is made of beside its sections: the chart and its script, the drawing of a network, its parts."""
