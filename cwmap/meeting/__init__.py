"""What goes into the meeting (会议、通报)."""
