"""What is on the screen: the only part of cwmap that knows Streamlit or Folium."""
