"""What views are computed from: the lake's small tables in Arrow, asked by SQL, and the live document.

`tables` says which version of each table is the current one, at the cost of one call for all views within some seconds;
`iceberg` reads files of a version; `once` keeps what was read, for all who ask at the same time and after; `reader` is
what a view asks, and remembers of which versions it was told.
"""
