"""What of a circuit outlives its process: checkpoints of its state, and a journal of what came in after them.

- `manifest`     what a checkpoint says of itself, of its inputs and its outputs
- `checkpoints`  the checkpoints of one circuit in a directory
- `journal`      the inputs of each step since the last checkpoint
- `fingerprint`  whether a program is the one that a checkpoint was made by, and where it differs
- `restart`      from what is on disk to a circuit that goes on
- `keeper`       makes checkpoints of a running circuit

Everything here happens in the circuit's own process, except that the server removes the directory of a circuit that is
cleared. A checkpoint never changes: it is written beside, renamed when it is whole, removed when newer ones are there.
"""
