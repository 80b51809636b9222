"""The protocols that adapters implement. An adapter's author reads this package and nothing else.

- `metadata`  records and fact streams: implemented in `store`
- `blobs`     content-addressed bytes: implemented in `store`
- `clock`     time and new ids
- `format`    bytes to rows and back: implemented in `connect.formats`
- `executor`  whoever carries out the work of steps: implemented in `execute`
- `transform`  records in, records out, one batch at a time: implemented in `transform`
- `records`, `action`   what data phases read and write, and do between each other
- `source`, `sink`   where a circuit's rows come from and go to: implemented in `connect`
"""
