"Entry point of `python -m instant4d`, for machines without make."
import os, sys

# What Python puts first is the folder where we stand: nothing is imported from there, unless the package itself lies in it
if sys.path[:1] == [os.getcwd()] and not os.path.samefile(os.path.dirname(os.path.dirname(__file__)), os.getcwd()): del sys.path[0]

try: from instant4d.cli import main
except KeyboardInterrupt: print('instant4d: stopped', file=sys.stderr); sys.exit(130)

if __name__ == '__main__': sys.exit(main())
