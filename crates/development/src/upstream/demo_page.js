const show = (id, text) => { document.getElementById(id).textContent = text; };
const socket = new WebSocket(`wss://${location.host}/ws`);
socket.onopen = () => socket.send("hello over a WebSocket");
socket.onmessage = (message) => show("socket", message.data);
socket.onclose = () => show("socket", "closed");
const events = new EventSource("/events");
events.onmessage = (event) => show("event", event.data);
events.onerror = () => show("event", "closed");
