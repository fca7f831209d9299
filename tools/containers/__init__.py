"""``make containers``: the composed set-up, built and started with a container engine and walked through.

Standard library only, so that it runs where nothing but Python, Docker and Compose is installed.
"""
