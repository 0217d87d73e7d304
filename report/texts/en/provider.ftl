## provider

