"""External tools, one door each: what a tool is called, wants and says is known by one module only.

Nothing here is imported by the package before a tool is used.
"""
