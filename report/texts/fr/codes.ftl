## codes

