## channel

