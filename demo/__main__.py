import sys

from demo.supervisor import main

sys.exit(main())
