## node

