"""The embedded pipeline that draws emoji: its weights, and what trained them."""
