"""Programs that other Pythons run, each with the client of one platform; clients.py tells what they print. Nobody imports them."""
