"Motion bases, driving by name, the widgets, and a page."
from . import page     # adds Avatar.save_html
