"""Record-wise transforms: adapters of the port `ports.transform`, one file each or one per small family.

They see batches of records and nothing else of the house: no files of sources or sinks, no other stage, no SQL. To add
one: write its `TransformKind` here, add its line in `boot/transforms.py`, subclass the contract in
`tests/contracts/transform.py`.
"""
