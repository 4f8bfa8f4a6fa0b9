"""The command line: parse, one call, print. One module a noun, loaded when it is named."""
