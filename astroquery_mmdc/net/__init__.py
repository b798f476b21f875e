"""Everything that touches the network, written once as coroutines."""

from astroquery_mmdc.net.client import Reply, ServiceClient
from astroquery_mmdc.net.handle import QueryHandle, twins
from astroquery_mmdc.net.jobs import Job, JobProgress

__all__ = ["Job", "JobProgress", "QueryHandle", "Reply", "ServiceClient", "twins"]
