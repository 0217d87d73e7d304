## protocol

