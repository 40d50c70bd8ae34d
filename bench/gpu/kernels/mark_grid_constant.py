"""Marks every `byval` argument of a kernel in LLVM 19's text as a grid constant, as clang 19 has no attribute for it.

usage: mark_grid_constant.py FILE.ll
"""
import pathlib
import re
import sys

path = pathlib.Path(sys.argv[1])
text = path.read_text()
kernels = set(re.findall(r'!\{ptr @(\w+), !"kernel", i32 1\}', text))
names, nodes = [], []
number = 90000  # beyond clang's own
for name, arguments in re.findall(r"define [^@]*@(\w+)\((.*?)\) local_unnamed_addr", text):
    places = [at + 1 for at, argument in enumerate(arguments.split(", ptr")) if "byval" in argument]
    if name in kernels and places:
        # All byval arguments here come first, so that the split by pointers counts them right.
        nodes.append(f'!{number} = !{{ptr @{name}, !"grid_constant", !{number + 1}}}')
        nodes.append(f"!{number + 1} = !{{{', '.join(f'i32 {place}' for place in places)}}}")
        names.append(f"!{number}")
        number += 2
if names:
    text = re.sub(r"(!nvvm\.annotations = !\{)", rf"\g<1>{', '.join(names)}, ", text)
    path.write_text(text + "\n" + "\n".join(nodes) + "\n")
