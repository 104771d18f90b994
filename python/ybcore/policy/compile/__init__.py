"""A book becomes flat tables of whole numbers that the kernel reads (core/include/ybcore/policy.hpp).

How the door uses it::

    compiled = CompiledBook(book)
    compiled.attributes            # what is asked of a visit: name -> Asked (kind "text" or "number")
    compiled.text_classes(name, codes)   # class of each text; texts that no condition tells apart share one
    compiled.number_edges(name)    # ascending edges; class i holds edges[i-1] <= x < edges[i]; a missing number is the last class
    compiled.classes(name, values) # what the book can tell of each value: text ("" missing) or int (None missing)
    instance = compiled.instance(values, policy_date, classes)   # of every attribute, in order
    compiled.tables()              # name -> int64 array, as `_core.settle` wants them

`instance` is called once for each combination of classes that a batch holds, with any representative of them; it answers which plan,
which pricing and which flags hold, or why none does. Counters, layers and schemes get dense numbers; their names are in
`counter_names`, `layer_names`, `scheme_names`, as state that is written down uses them.
"""

from __future__ import annotations

from .book import ALWAYS, Asked, CompiledBook, Instance

__all__ = ["ALWAYS", "Asked", "CompiledBook", "Instance"]
