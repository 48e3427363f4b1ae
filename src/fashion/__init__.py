"""What the pipeline's stages share. Imports none of them."""
