"Motion bases, driving by name, the widgets, and a page."
from . import driving, page     # add Avatar.named and Avatar.save_html
