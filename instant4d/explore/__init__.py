"Motion bases, driving by name, and the widgets."
