"""Whole pictures from the two fields of interlaced frames, by FFmpeg's bwdif filter."""

from __future__ import annotations

from collections.abc import Iterator

import av

FILTER = "mode=send_frame:deint=interlaced"
"""One picture for each frame, and only for frames that say they are interlaced."""


def deinterlaced(pictures: Iterator[av.VideoFrame], stream) -> Iterator[av.VideoFrame]:
    """The same frames with the same times, one later than they come in."""
    graph = None
    for picture in pictures:
        if graph is None:
            graph = _graph(picture, stream)
        graph.push(picture)
        yield from _pulled(graph, stream)
    if graph is not None:
        graph.push(None)
        yield from _pulled(graph, stream)


def _graph(picture: av.VideoFrame, stream) -> av.filter.Graph:
    graph = av.filter.Graph()
    given = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=stream.time_base
    )
    graph.link_nodes(given, graph.add("bwdif", FILTER), graph.add("buffersink")).configure()
    return graph


def _pulled(graph: av.filter.Graph, stream) -> Iterator[av.VideoFrame]:
    while True:
        try:
            picture = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        if picture.pts is not None:  # the filter counts in halves
            picture.pts = round(picture.pts * picture.time_base / stream.time_base)
            picture.time_base = stream.time_base
        yield picture
