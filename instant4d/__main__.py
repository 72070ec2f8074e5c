"Entry point of `python -m instant4d`, for machines without make."
import sys
from instant4d.cli import main

sys.exit(main())
