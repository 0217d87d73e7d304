## verify

