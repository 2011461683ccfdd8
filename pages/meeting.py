"""会议: prepared views, one after the other, for a room; and the arranging of them."""

from cwmap.ui import frame
from cwmap.ui.meeting import meeting

frame.sentence(meeting.draw)()
