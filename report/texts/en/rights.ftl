## rights

