"""The search in a program or a notebook of one's own: `nas.run_search`, and what it found as objects.

What front.json calls a thing, these call so too.
"""
