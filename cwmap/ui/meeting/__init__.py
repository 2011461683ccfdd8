"""会议: the stage, and the arranging of agendas."""
