"""What a network costs in milliseconds on a device, and how sure that is. numpy, scipy and yaml only."""
