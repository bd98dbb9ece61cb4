"use strict";
// The live picture: Motion JPEG at once, and WebRTC in its place when that has connected.
const CONNECT_MS = 5000;
let link = null; // the WebRTC connection of now
let refusal = null; // why there will be none any more; empty when it is not wanted

// A tab that nobody sees does not watch: the job then makes no pictures for it.
function look() {
  const view = $("[name=view]:checked").value;
  if (document.hidden || ended) return lookAway();
  if (link) link.show(view);
  if (link?.playing) return;
  showJpegs(view);
  if (!state.webrtc) refusal = "";
  if (!link && refusal === null) link = connect(view);
}

function lookAway() {
  link?.close();
  $("#preview").removeAttribute("src");
}

function showJpegs(view) {
  $("#preview").src = `/preview/${view}.mjpeg`;
  $("#preview").hidden = false;
  $("#video").hidden = true;
  tellWay(refusal ? `Motion JPEG: ${refusal}` : "Motion JPEG");
}

function showVideo() {
  $("#video").hidden = false;
  $("#preview").hidden = true;
  $("#preview").removeAttribute("src");
  tellWay("WebRTC");
}

function tellWay(text) {
  $("#way").textContent = text;
  $("#way").disabled = !state.webrtc;
  $("#way").title = state.webrtc ? "Show it the other way" : "WebRTC: pip install 'shm-stream[webrtc]'";
}

function changeWay() {
  refusal = link ? "" : null;
  link?.close();
  look();
}

// The socket carries the offer, the answer and what to show; when either side closes it, the pictures end.
function connect(view) {
  const socket = new WebSocket(`ws://${location.host}/preview/webrtc`);
  const peer = new RTCPeerConnection();
  const made = { playing: false, show, close };
  const late = setTimeout(() => give("WebRTC did not connect"), CONNECT_MS);
  let answered = false;

  function show(next) {
    view = next;
    if (answered) socket.send(JSON.stringify({ view }));
  }
  function close() {
    clearTimeout(late);
    link = null;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    peer.onconnectionstatechange = null;
    peer.close();
    $("#video").srcObject = null;
  }
  function give(reason) {
    close();
    refusal = reason;
    look();
  }
  function play() {
    if (link !== made) return;
    clearTimeout(late);
    made.playing = true;
    showVideo();
  }

  socket.onopen = async () => {
    await peer.setLocalDescription();
    socket.send(JSON.stringify({ view, offer: peer.localDescription.sdp }));
  };
  socket.onmessage = async ({ data }) => {
    const { answer, error } = JSON.parse(data);
    if (error) return give(error);
    answered = true;
    socket.send(JSON.stringify({ view }));
    await peer.setRemoteDescription({ type: "answer", sdp: answer });
  };
  socket.onclose = () => give("WebRTC was interrupted");
  peer.onconnectionstatechange = () => peer.connectionState === "failed" && give("WebRTC was interrupted");
  peer.ontrack = ({ track, receiver }) => {
    receiver.jitterBufferTarget = 0; // ms; the newest picture matters, not even motion
    $("#video").srcObject = new MediaStream([track]);
    $("#video").addEventListener("loadeddata", play, { once: true });
  };
  peer.addTransceiver("video", { direction: "recvonly" });
  return made;
}
