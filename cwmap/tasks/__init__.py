"""Every report followed to its end (任务): steps, working time, workbooks out and back."""
