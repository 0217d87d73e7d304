## store

