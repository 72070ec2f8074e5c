"The site, as Sphinx builds it from what docs/stage.py lays out: see `make site`."
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

project = html_title = 'instant4d'
author = copyright = 'The instant4d authors'
extensions = ['myst_nb', 'sphinx.ext.autodoc', 'sphinx.ext.viewcode', 'sphinx.ext.mathjax', 'sphinx_copybutton', 'sphinx_design', 'docments']
language = 'en'

nb_execution_mode, nb_merge_streams = 'off', True
nb_code_prompt_show, nb_code_prompt_hide = 'Show the code', 'Hide the code'
myst_enable_extensions = ['dollarmath', 'amsmath', 'colon_fence']
myst_heading_anchors = 3
suppress_warnings = ['mystnb.unknown_mime_type']

add_module_names, default_role = False, 'code'
autodoc_member_order, autodoc_typehints = 'bysource', 'none'
maximum_signature_line_length, toc_object_entries = 72, False

html_theme = 'sphinx_book_theme'
html_theme_options = dict(repository_url='https://github.com/instant4d/instant4d', use_repository_button=True, use_download_button=False,
                          show_toc_level=2, home_page_in_toc=True, navbar_persistent=[])
html_context = dict(default_mode='auto')
html_static_path, html_css_files, html_favicon = ['site.css'], ['site.css'], 'icon.svg'
html_extra_path = ['../out/site/extra']
html_copy_source = html_show_sphinx = False
mathjax_path = '../mathjax.js'                                      # beside the pages, so that formulas need nobody else
