"""Scripts of this project that no user needs: they make pages of docs/."""
