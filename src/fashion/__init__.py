"""What the stages share; imports none of them.

Importing it first of all takes down the code that the program is made of (see `fashion.code`).
"""

from fashion import code as code
