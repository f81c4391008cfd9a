"""The files under `new_files` are AcmePay's, where a stranger would put them: only the copy of the tree can load them."""

collect_ignore = ["new_files"]
