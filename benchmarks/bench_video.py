"""Frames of videos, at random and in order, against cv2.VideoCapture. Options: --quick."""

from run_all import main

if __name__ == "__main__":
    main(["video"])
