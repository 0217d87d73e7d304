## help

