"""Sphinx's configuration of the documentation site: `make docs`."""

import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # the pages run `thalweg`
os.environ |= {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "86", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}

import thalweg

project, author, copyright = "thalweg", "the thalweg authors", "the thalweg authors, Apache-2.0"
version = release = thalweg.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton", "sphinx.ext.mathjax", "sphinx-mathjax-offline"]
exclude_patterns = ["_build", "generate", "example_plugin"]
myst_enable_extensions = ["colon_fence", "attrs_inline", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_merge_streams = True
autodoc_typehints = "none"
html_theme = "furo"
html_title = f"thalweg {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
copybutton_exclude = ".linenos, .gp, .go"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#005a8f", "color-brand-content": "#005a8f"},
    "dark_css_variables": {"color-brand-primary": "#6cb8e6", "color-brand-content": "#6cb8e6"},
}


def make_pages(app):
    """The pages that come from the code."""
    from generate import functions, interface, spec, units

    folder = HERE / "generated"
    spec.write(folder)
    functions.write(folder)
    units.write(folder)
    interface.write(folder)


def with_other_pages(app, docname, source):
    """The line * on the first page stands for all pages beside it that it does not name itself."""
    if docname == "index":
        named = source[0].splitlines()
        others = [path.stem for path in sorted(HERE.glob("*.md")) if path.stem not in ("index", *named)]
        source[0] = re.sub(r"^\*\n", "".join(f"{name}\n" for name in others), source[0], flags=re.MULTILINE)


def as_plain_text(app, what, name, obj, options, lines):
    """Docstrings are plain text with `code`, not reStructuredText."""
    if obj.__doc__ and not lines:
        return
    made, indented, field = [], False, False
    for line in lines:
        field = line.startswith(":") or (field and line.startswith("    "))  # of napoleon's lists of parameters
        block = line.startswith(("    ", ">>>")) and not field
        if block and not indented and not line.startswith(">>>"):
            made += ["::", ""]
        indented = block or (indented and not line.strip())
        made.append(line if block or line.startswith(">>>") or indented else plain(line))
    lines[:] = made


def plain(line):
    """A line in which nothing but `code` means anything."""
    parts = re.split(r"(`[^`]*`)", line)
    return "".join(f"``{part[1:-1]}``" if k % 2 else re.sub(r"([\\*_|`<>])", r"\\\1", part) for k, part in enumerate(parts))


def setup(app):
    app.connect("builder-inited", make_pages)
    app.connect("source-read", with_other_pages)
    app.connect("autodoc-process-docstring", as_plain_text)
