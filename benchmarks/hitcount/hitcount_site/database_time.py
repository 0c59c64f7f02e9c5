"""Database time: a header with the processor time of a request's queries."""

import time

from django.db import connection


def database_time(get_response):
    """Return middleware that answers with ``X-Database-Ns``, in nanoseconds."""

    def middleware(request):
        spent = 0

        def timed(execute, *query):
            nonlocal spent
            began = time.thread_time_ns()
            try:
                return execute(*query)
            finally:
                spent += time.thread_time_ns() - began

        with connection.execute_wrapper(timed):
            response = get_response(request)
        response["X-Database-Ns"] = spent
        return response

    return middleware
