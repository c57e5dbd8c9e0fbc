"""Networks as other projects write them down, a file each: timm, torchvision, TF-slim."""
