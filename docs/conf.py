"""Sphinx configuration: MyST Markdown, a built-in theme, nothing fetched while building."""

from __future__ import annotations

project = "EcoPredict"
author = "The EcoPredict authors"
language = "en"
# two dashes begin an option, so they must stay two
smartquotes = False
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
nitpicky = True

# headings to the third level can be linked to as page.md#the-heading
myst_heading_anchors = 3

html_theme = "alabaster"
html_title = "EcoPredict"
html_static_path = ["_static"]
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
html_sidebars = {"**": ["about.html", "searchfield.html", "navigation.html"]}
html_theme_options = {
    "description": "Species distribution models that say how far they can be trusted",
    "fixed_sidebar": False,
    "show_powered_by": False,
    "page_width": "70rem",
    "sidebar_width": "16rem",
    "font_family": "system-ui, sans-serif",
    "head_font_family": "system-ui, sans-serif",
    "font_size": "1rem",
}
