"""A client for services in Python: `RecordClient.follow` keeps a replica of an organization's records up to date.

async with grpc.aio.insecure_channel("127.0.0.1:50051") as channel:
client = RecordClient(channel)
replica = Replica()
async for change in client.follow("RIO", replica=replica):
print(change.kind, change.record.pfa_id, len(replica.records))
"""

from pfa_rpc.client.following import RecordClient
from pfa_rpc.client.replica import Change, ChangeKind, Replica

__all__ = ["Change", "ChangeKind", "RecordClient", "Replica"]
